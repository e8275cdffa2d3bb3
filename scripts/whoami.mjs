// What any program of yours does: the AWS SDK finds credentials by AWS_PROFILE and asks AWS who it is.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
console.log(Arn);
