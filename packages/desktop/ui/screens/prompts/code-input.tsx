import { useState } from "react";

const length = 6;

/** Six digits in one field: takes paste and password managers, and answers on the sixth. */
export function CodeInput({ disabled, onCode }: { disabled: boolean; onCode(code: string): void }) {
  const [code, setCode] = useState("");
  const take = (text: string) => {
    const digits = text.replace(/\D/g, "").slice(0, length);
    setCode(digits);
    if (digits.length !== length) return;
    setCode("");
    onCode(digits);
  };
  return (
    <div className="code-input">
      <input
        data-autofocus
        type="text"
        inputMode="numeric"
        autoComplete="one-time-code"
        aria-label="Six digits"
        spellCheck={false}
        disabled={disabled}
        value={code}
        onChange={(event) => take(event.target.value)}
      />
      <div className="code-boxes" aria-hidden>
        {Array.from({ length }, (_, index) => (
          <span key={index} className={index === code.length ? "next" : undefined}>
            {code[index]}
          </span>
        ))}
      </div>
    </div>
  );
}
