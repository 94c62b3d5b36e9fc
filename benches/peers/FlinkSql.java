// Flink's side: submits SQL scripts to a running cluster and waits for their jobs. Started from source by flink.py:
//   java -cp 'lib/*' FlinkSql.java HOST PORT
// Reads a request (JSON: {"run": SQL}) a line from stdin, answers with the job's run time as the cluster reports it, so
// that neither planning nor submission is counted.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Locale;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

public final class FlinkSql {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("execution.target", "remote");
        configuration.setString("rest.address", args[0]);
        configuration.setString("rest.port", args[1]);
        configuration.setString("pipeline.object-reuse", "true");
        configuration.setString("parallelism.default", args[2]);
        configuration.setString("table.local-time-zone", "UTC");
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("{\"ready\": true}");
        for (String line; (line = requests.readLine()) != null; ) {
            String reply;
            try {
                reply = String.format(Locale.ROOT, "{\"wall\": %.3f}", run(configuration, JSON.readTree(line).get("run").asText()));
            } catch (Exception e) {
                Throwable cause = e;
                while (cause.getCause() != null) {
                    cause = cause.getCause();
                }
                reply = "{\"error\": " + JSON.writeValueAsString(e.getMessage() + ": " + cause) + "}";
            }
            System.out.println(reply);
        }
    }

    /** Runs the statements in order; returns the seconds of the last one's job. */
    private static double run(Configuration configuration, String sql) throws Exception {
        EnvironmentSettings settings = EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build();
        TableEnvironment environment = TableEnvironment.create(settings);
        double seconds = 0;
        for (String statement : sql.replaceAll("--[^\n]*", "").split(";\\s*\n")) {
            if (statement.isBlank()) {
                continue;
            }
            TableResult result = environment.executeSql(statement);
            if (result.getJobClient().isPresent()) {
                seconds = result.getJobClient().get().getJobExecutionResult().get().getNetRuntime() / 1000.0;
            }
        }
        return seconds;
    }
}
