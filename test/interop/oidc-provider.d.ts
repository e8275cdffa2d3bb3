/** The package has no types of its own; this is what the shim uses. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";
  interface StoredToken {
    isExpired: boolean;
    scope?: string;
    destroy(): Promise<void>;
  }
  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): RequestListener;
    AccessToken: { find(value: string): Promise<StoredToken | undefined> };
  }
}
