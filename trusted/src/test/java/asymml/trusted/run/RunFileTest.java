package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFileTest {
  private static final Provenance PROVENANCE =
      new Provenance(
          "0.1.0", "25", "3.11", "Linux 6 amd64", 2, "ab12", List.of("train", "-c", "x"));

  @TempDir private Path directory;

  @Test
  void facts_are_written_for_people_in_the_order_given() throws IOException {
    Path file = directory.resolve("run.json");
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("seed", 7L);
    facts.put("provenance", PROVENANCE);
    RunFile.write(file, facts);
    assertThat(file)
        .hasContent(
            """
            {
              "seed" : 7,
              "provenance" : {
                "version" : "0.1.0",
                "javaVersion" : "25",
                "oneDnnVersion" : "3.11",
                "operatingSystem" : "Linux 6 amd64",
                "cores" : 2,
                "dataDigest" : "ab12",
                "commandLine" : [ "train", "-c", "x" ]
              }
            }
            """);
    assertThat(RunFile.read(file)).containsKeys("seed", "provenance").containsEntry("seed", 7);
  }

  @Test
  void a_fact_that_is_not_json_leaves_the_old_file() throws IOException {
    Path file = directory.resolve("run.json");
    RunFile.write(file, Map.of("seed", 7));
    Object cyclic = cyclicList();
    assertThatThrownBy(() -> RunFile.write(file, Map.of("cycle", cyclic)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(RunFile.read(file)).isEqualTo(Map.of("seed", 7));
  }

  private static Object cyclicList() {
    List<Object> list = new ArrayList<>();
    list.add(list);
    return list;
  }

  @Test
  void a_file_that_is_no_json_object_is_named() throws IOException {
    Path file = directory.resolve("run.json");
    for (String text : new String[] {"[1]", "null", "7", "", "{", "{} {}"}) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> RunFile.read(file))
          .as(text)
          .isInstanceOf(IOException.class)
          .hasMessage(file + " is not a JSON object");
    }
    Path absent = directory.resolve("absent");
    assertThatThrownBy(() -> RunFile.read(absent))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read " + absent + ": no such file or directory");
  }

  @Test
  void provenance_tells_the_process_it_runs_in() {
    Provenance here = Provenance.ofThisProcess("0.1.0", "3.11", "ab12", List.of("train"));
    assertThat(here.javaVersion()).startsWith("25");
    assertThat(here.operatingSystem()).startsWith(System.getProperty("os.name"));
    assertThat(here.cores()).isPositive();
    assertThatThrownBy(() -> Provenance.ofThisProcess("0.1.0", " ", "ab12", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("oneDnnVersion");
  }
}
