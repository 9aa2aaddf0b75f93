import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.strimzi.api.kafka.model.common.UnknownPropertyPreserving;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Reads a manifest into the classes that Strimzi's resource definitions are made from, and prints what is wrong with it, a line
 * each: what they do not know, or take for nothing, and what they require and it has not.
 */
public class Read {
    private record Kind(Class<?> type, List<String> versions) {}

    private static final Map<String, Kind> KINDS =
            Map.of(
                    "Kafka", new Kind(Kafka.class, Kafka.VERSIONS),
                    "KafkaNodePool", new Kind(KafkaNodePool.class, KafkaNodePool.VERSIONS),
                    "KafkaTopic", new Kind(KafkaTopic.class, KafkaTopic.VERSIONS),
                    "KafkaUser", new Kind(KafkaUser.class, KafkaUser.VERSIONS));

    private static final ObjectMapper MAPPER =
            new ObjectMapper(new YAMLFactory()).findAndRegisterModules();

    private static final List<String> faults = new ArrayList<>();

    public static void main(String[] paths) throws Exception {
        for (String path : paths) {
            try (MappingIterator<JsonNode> documents = MAPPER.readerFor(JsonNode.class).readValues(new File(path))) {
                while (documents.hasNext()) read(documents.next());
            }
        }
        faults.forEach(System.out::println);
    }

    private static void read(JsonNode document) {
        String name = document.path("kind").asText() + "/" + document.path("metadata").path("name").asText();
        Kind kind = KINDS.get(document.path("kind").asText());
        String version = document.path("apiVersion").asText();
        if (kind == null || !kind.versions().contains(version.replaceFirst("^kafka\\.strimzi\\.io/", ""))) {
            faults.add(name + ": there is no such kind of version " + version);
            return;
        }
        try {
            Object object = MAPPER.treeToValue(document, kind.type());
            lost(name, document, MAPPER.readTree(MAPPER.writeValueAsString(object)));
            complete(name, object);
        } catch (Exception error) {
            faults.add(name + ": " + error.getMessage().lines().findFirst().orElse(""));
        }
    }

    /** An unknown value is read as none. What is false or 0 is as good as not written. */
    private static void lost(String path, JsonNode before, JsonNode after) {
        if (before.isValueNode() && !before.asBoolean() && before.asText().matches("false|0")) return;
        if (after == null || after.isNull() || (before.isValueNode() && !before.asText().equals(after.asText()))) {
            faults.add(path + ": " + before + " is not known");
            return;
        }
        before.fields().forEachRemaining(entry -> lost(path + "." + entry.getKey(), entry.getValue(), after.get(entry.getKey())));
        if (!before.isArray()) return;
        for (int index = 0; index < before.size(); index++) lost(path + "[" + index + "]", before.get(index), after.get(index));
    }

    private static void complete(String path, Object value) {
        if (value instanceof List<?> list) {
            for (Object one : list) complete(path + "[]", one);
        } else if (value instanceof UnknownPropertyPreserving known) {
            var unknown = known.getAdditionalProperties();
            if (unknown != null) unknown.keySet().forEach(name -> faults.add(path + "." + name + ": is not known"));
            var type = MAPPER.getSerializationConfig().introspect(MAPPER.constructType(value.getClass()));
            for (var property : type.findProperties()) {
                if (property.getAccessor() == null) continue;
                property.getAccessor().fixAccess(true);
                Object inner = property.getAccessor().getValue(value);
                String name = path + "." + property.getName();
                if (inner == null && property.isRequired()) faults.add(name + ": is required");
                complete(name, inner);
            }
        }
    }
}
