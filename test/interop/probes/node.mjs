// Asks STS who it is, as often as the first argument says, with one client. Prints one ARN a line.
// With "change" it asks until another ARN answers, and prints every new one.
import { setTimeout } from "node:timers/promises";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const client = new STSClient();
const ask = async () => (await client.send(new GetCallerIdentityCommand())).Arn;
const uses = process.argv[2];

try {
  const first = await ask();
  console.log(first);
  if (uses === "change") {
    let arn = first;
    for (; arn === first; arn = await ask()) await setTimeout(100);
    console.log(arn);
  } else {
    for (let i = 1; i < Number(uses); i += 1) console.log(await ask());
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
