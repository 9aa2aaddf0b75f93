import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** A worker written from the contract of the Rochallor engine: what a team's own program does, and nothing that knows Millrace. */
public class Worker {
    static final String BASE = System.getenv("ENGINE_REST_URL");
    static final String ID = System.getenv("WORKER_ID");
    static final List<String> TYPES = List.of(System.getenv("JOB_TYPES").split(","));
    static final HttpClient HTTP = HttpClient.newHttpClient();
    static final ExecutorService THREADS = Executors.newCachedThreadPool();
    static volatile boolean stopping;

    public static void main(String[] args) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(Worker::stop));
        System.out.println("ready");
        if ("kafka_outbox".equals(System.getenv("WE_DISPATCH_MODE"))) {
            for (String type : TYPES) THREADS.submit(() -> consume(type));
        } else {
            poll();
        }
    }

    /** With leave of the groups: a consumer that vanishes keeps its partitions until its session has run out. */
    static void stop() {
        stopping = true;
        THREADS.shutdown();
        try {
            THREADS.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    static void poll() throws InterruptedException {
        String types = "\"" + String.join("\",\"", TYPES) + "\"";
        String body = "{\"workerId\":\"" + ID + "\",\"jobTypes\":[" + types + "],\"maxJobs\":64}";
        while (!stopping) {
            String answer = post("/v1/jobs/poll", body);
            Matcher job = JOB.matcher(answer);
            boolean found = false;
            while (job.find()) {
                found = true;
                String id = job.group(1), type = job.group(2), variables = job.group(4);
                int retries = Integer.parseInt(job.group(3));
                THREADS.submit(() -> run(id, type, retries, variables));
            }
            if (!found) Thread.sleep(500);
        }
    }

    /** Enough of JSON for what the tests send: variables without nested objects. */
    static final Pattern JOB = Pattern.compile(
        "\\{\"id\":\"([^\"]+)\"[^{}]*?\"jobType\":\"([^\"]+)\"[^{}]*?\"retriesRemaining\":(\\d+)[^{}]*?\"variables\":(\\{[^{}]*\\})");

    static void run(String id, String type, int retries, String variables) {
        System.out.println("ran " + id);
        if (variables.contains("\"flaky\":true") && retries == 2) {
            post("/v1/jobs/" + id + "/fail",
                "{\"workerId\":\"" + ID + "\",\"errorMessage\":\"not the first time\",\"retryable\":true}");
        } else {
            post("/v1/jobs/" + id + "/complete",
                "{\"workerId\":\"" + ID + "\",\"variables\":{\"" + type + "\":\"" + ID + "\"}}");
        }
    }

    static String post(String path, String body) {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(BASE + path))
                .timeout(Duration.ofSeconds(30))
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
            HttpResponse<String> response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() >= 300) System.out.println(path + " failed " + response.statusCode());
            return response.body();
        } catch (Exception error) {
            System.out.println(path + " failed " + error);
            return "";
        }
    }

    static void consume(String type) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("WE_KAFKA_SEED_BROKERS"));
        settings.put("group.id", "workflow.workers." + type);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of("workflow.jobs." + type));
            HashSet<String> seen = new HashSet<>();
            while (!stopping) {
                consumer.poll(Duration.ofMillis(500)).forEach(record -> {
                    Map<Integer, Object> event = decode(record.value());
                    if (!seen.add(text(event, 2))) return;
                    long retries = (Long) event.getOrDefault(20, 0L);
                    run(text(event, 10), text(event, 13), (int) retries, text(event, 30));
                });
                consumer.commitSync();
            }
        } catch (Exception error) {
            if (!stopping) error.printStackTrace();
        }
    }

    static String text(Map<Integer, Object> event, int field) {
        return new String((byte[]) event.getOrDefault(field, new byte[0]), StandardCharsets.UTF_8);
    }

    /** The fields of workflow.v1.JobDispatchEvent by number. */
    static Map<Integer, Object> decode(byte[] value) {
        Map<Integer, Object> fields = new HashMap<>();
        int[] at = {0};
        while (at[0] < value.length) {
            long tag = varint(value, at), number = varint(value, at);
            if ((tag & 7) == 2) {
                byte[] content = java.util.Arrays.copyOfRange(value, at[0], at[0] + (int) number);
                at[0] += (int) number;
                fields.put((int) (tag >> 3), content);
            } else {
                fields.put((int) (tag >> 3), number);
            }
        }
        return fields;
    }

    static long varint(byte[] value, int[] at) {
        long result = 0;
        for (int shift = 0;; shift += 7) {
            byte next = value[at[0]++];
            result |= (long) (next & 0x7F) << shift;
            if (next >= 0) return result;
        }
    }
}
