/** The leap: from one point to another over an arc. Same drawing as icon/leapp.svg. */
export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden>
    <rect width="32" height="32" rx="8" className="logo-ground" />
    <path d="M8 21.5C8 13 12 9 16.4 9c4 0 6.2 3 6.7 7.2" className="logo-arc" />
    <circle cx="8" cy="22.5" r="2.4" className="logo-point" />
    <circle cx="23.3" cy="21" r="3.2" className="logo-ring" />
  </svg>
);
