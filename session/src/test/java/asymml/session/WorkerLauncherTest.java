package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkerLauncherTest {
  @Test
  void a_worker_runs_on_this_java_with_this_class_path_and_the_access_that_it_needs() {
    List<String> command = WorkerLauncher.command("cpu", Path.of("/tmp/run 50%"));
    assertThat(Path.of(command.getFirst()))
        .isEqualTo(Path.of(System.getProperty("java.home"), "bin", "java"))
        .isExecutable();
    assertThat(command)
        .contains("-XX:-CreateCoredumpOnCrash")
        .contains("-XX:ErrorFile=/tmp/run 50%%/hs_err_pid%p.log")
        .containsSubsequence("--add-modules", "jdk.incubator.vector")
        .contains("--enable-native-access=ALL-UNNAMED")
        .containsSubsequence("-cp", System.getProperty("java.class.path"))
        .endsWith("asymml.untrusted.Main", "--device", "cpu");
  }

  @Test
  void the_untrusted_half_is_on_the_class_path_of_whoever_depends_on_this_module() {
    assertThat(WorkerLauncher.class.getResource("/asymml/untrusted/Main.class")).isNotNull();
  }
}
