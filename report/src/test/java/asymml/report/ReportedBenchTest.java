package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportedBenchTest {
  @TempDir Path folder;

  @Test
  void a_benchmark_is_read_with_its_model() throws Exception {
    assertThat(ReportedBench.read(PlantedBench.write(folder.resolve("bench.json"))).model())
        .isEqualTo("cnn");
  }

  @Test
  void a_file_without_modes_is_no_benchmark() throws Exception {
    assertRefused("modes", Map.of());
  }

  @Test
  void a_sweep_is_no_benchmark() throws Exception {
    assertRefused("modes", Map.of("asymml", Map.of("trustedCpuMillisPerImage", 1)));
  }

  private void assertRefused(String key, Object value) throws IOException {
    Path file = folder.resolve("other.json");
    Map<String, Object> facts = new LinkedHashMap<>(PlantedBench.facts());
    facts.put(key, value);
    RunFile.write(file, facts);
    assertThatThrownBy(() -> ReportedBench.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + " is no benchmark");
  }
}
