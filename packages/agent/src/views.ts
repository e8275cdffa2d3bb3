/** What clients see of sessions: the stored fields and what the agent knows of them now. */
import { parseArn } from "../../core/src/aws/arn.ts";
import type { Credentials, Session, SessionView } from "../../core/src/model.ts";
import type { LeappError } from "../../core/src/errors.ts";

export interface Known {
  startedAt?: string;
  pending: boolean;
  held: { credentials?: Credentials; problem?: { error: LeappError; at: number }; waiting: boolean };
  /** Name of a session or an integration. */
  sourceName?: string;
}

export function viewOf(session: Session, known: Known): SessionView {
  const { credentials, problem, waiting } = known.held;
  const accountId = accountOf(session) ?? credentials?.accountId;
  const role = roleOf(session);
  return {
    ...session,
    status: known.startedAt ? "active" : known.pending ? "pending" : "inactive",
    ...(known.startedAt ? { startedAt: known.startedAt } : {}),
    ...(credentials ? { expiresAt: new Date(credentials.expiration).toISOString() } : {}),
    ...(accountId ? { accountId } : {}),
    ...(role ? { role } : {}),
    ...(known.sourceName ? { source: known.sourceName } : {}),
    ...(problem
      ? {
          problem: {
            code: problem.error.code,
            message: problem.error.message,
            at: new Date(problem.at).toISOString(),
          },
        }
      : {}),
    ...(waiting ? { waiting } : {}),
  };
}

/** Account id, as far as the session itself tells. */
export function accountOf(session: Session): string | undefined {
  if (session.type === "sso-role") return session.accountId;
  if (session.type === "localstack") return "000000000000";
  const arn =
    "roleArn" in session ? session.roleArn : session.type === "iam-user" ? session.mfaDevice : undefined;
  return (arn && parseArn(arn)?.accountId) || undefined;
}

function roleOf(session: Session): string | undefined {
  if (session.type === "sso-role") return session.roleName;
  return "roleArn" in session ? session.roleArn.split("/").at(-1) : undefined;
}

/** For the audit: the role's ARN, or what else says who this is. */
export function identityOf(session: Session): string {
  if ("roleArn" in session) return session.roleArn;
  if (session.type === "sso-role") return `${session.accountId}/${session.roleName}`;
  return session.name;
}
