import type { Settings } from "../../../../core/src/model.ts";
import { Section, TextSetting } from "./parts.tsx";

export function Advanced({ settings }: { settings: Settings }) {
  return (
    <>
      <Section title="Network" text="How the agent reaches AWS.">
        <TextSetting
          name="proxy"
          label="Proxy"
          help="A password in it goes into the vault and is not shown again. Empty: HTTPS_PROXY, as the agent found it."
          placeholder="https://proxy.example.com:3128"
          value={settings.proxy}
        />
        <TextSetting
          name="no-proxy"
          label="Without proxy"
          help="Hosts and domains, separated by commas."
          placeholder="localhost, .internal.example.com"
          value={settings["no-proxy"]}
        />
        <TextSetting
          name="ca-bundle"
          label="Further certificate authorities"
          help="A PEM file. Empty: AWS_CA_BUNDLE."
          placeholder="/etc/ssl/company.pem"
          value={settings["ca-bundle"]}
        />
      </Section>
      <Section
        title="Endpoints"
        text="Base URLs instead of AWS's own. Empty: the AWS_ENDPOINT_URL variables."
      >
        <TextSetting name="endpoint-url" label="All services" value={settings["endpoint-url"]} />
        <TextSetting name="endpoint-url-sts" label="STS" value={settings["endpoint-url-sts"]} />
        <TextSetting
          name="endpoint-url-sso"
          label="Access portal (SSO)"
          value={settings["endpoint-url-sso"]}
        />
        <TextSetting
          name="endpoint-url-sso-oidc"
          label="SSO OIDC"
          value={settings["endpoint-url-sso-oidc"]}
        />
      </Section>
      <Section title="Waiting for you">
        <TextSetting
          name="prompt-timeout"
          type="number"
          label="Seconds a tool waits for your answer"
          help="5 to 55. Some tools give up after 60 by themselves."
          value={String(settings["prompt-timeout"])}
        />
      </Section>
    </>
  );
}
