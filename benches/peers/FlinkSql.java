// Flink's side: submits SQL scripts to a running cluster and waits for their jobs. Started from source by flink.py:
//   java -cp 'lib/*' FlinkSql.java HOST PORT
// Reads a request (JSON: {"run": SQL}) a line from stdin, answers with the job's run time as the cluster reports it, so
// that neither planning nor submission is counted. {"submit": SQL} answers with the job's name as soon as it runs.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Locale;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

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
                var request = JSON.readTree(line);
                boolean wait = request.has("run");
                JobClient job = submit(configuration, request.get(wait ? "run" : "submit").asText());
                reply = wait
                    ? String.format(Locale.ROOT, "{\"wall\": %.3f}", job.getJobExecutionResult().get().getNetRuntime() / 1000.0)
                    : String.format("{\"job\": \"%s\"}", job.getJobID());
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

    /** Runs the statements in order; gives the last one's job. */
    private static JobClient submit(Configuration configuration, String sql) throws Exception {
        EnvironmentSettings settings = EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build();
        TableEnvironment environment = TableEnvironment.create(settings);
        JobClient job = null;
        for (String statement : sql.replaceAll("--[^\n]*", "").split(";\\s*\n")) {
            if (!statement.isBlank()) {
                job = environment.executeSql(statement).getJobClient().orElse(job);
            }
        }
        return job;
    }
}
