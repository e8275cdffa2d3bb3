import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.sts.StsClient;

/**
 * Asks STS who it is, as often as the first argument says, with one client. Prints one ARN a line.
 * With "change" it asks until another ARN answers, and prints every new one.
 */
public final class Probe {
    public static void main(String[] arguments) throws InterruptedException {
        try (StsClient client = StsClient.builder().httpClient(UrlConnectionHttpClient.create()).build()) {
            boolean untilChange = arguments[0].equals("change");
            int uses = untilChange ? Integer.MAX_VALUE : Integer.parseInt(arguments[0]);
            String first = null;
            for (int i = 0; i < uses; i++) {
                String arn = client.getCallerIdentity().arn();
                boolean changed = first != null && !arn.equals(first);
                if (!untilChange || first == null || changed) {
                    System.out.println(arn);
                }
                if (untilChange && changed) {
                    return;
                }
                first = first == null ? arn : first;
                if (untilChange) {
                    Thread.sleep(100);
                }
            }
        } catch (RuntimeException error) {
            error.printStackTrace();
            System.exit(1);
        }
    }
}
