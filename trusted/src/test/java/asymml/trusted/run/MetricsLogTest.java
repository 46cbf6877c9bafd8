package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MetricsLogTest {
  private static final long SEED = 20260102;

  private static final String LINE_ONE =
      "{\"epoch\":1,\"step\":157,\"trainLoss\":1.5,\"trainAccuracy\":0.1,\"testLoss\":1.25,"
          + "\"testAccuracy\":0.30000000000000004,\"learningRate\":0.05,\"imagesPerSecond\":363.0,"
          + "\"trustedCpuSeconds\":12.5,\"workerCpuSeconds\":7.0,\"bytesToWorker\":5000000000,"
          + "\"bytesFromWorker\":2}\n";

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("metrics.jsonl");
  }

  @Test
  void a_line_has_the_documented_names_in_order() throws IOException {
    append(
        new EpochMetrics(1, 157, 1.5, 0.1, 1.25, 0.1 + 0.2, 0.05, 363, 12.5, 7, 5_000_000_000L, 2));
    assertThat(Files.readString(file)).isEqualTo(LINE_ONE);
  }

  @Test
  void doubles_read_back_to_the_bit() throws IOException {
    Random random = new Random(SEED);
    List<EpochMetrics> all = new ArrayList<>();
    for (int epoch = 1; epoch <= 200; epoch++) {
      double any = Double.longBitsToDouble(random.nextLong());
      all.add(metrics(epoch, Double.isFinite(any) ? any : Double.MIN_VALUE, random.nextDouble()));
    }
    append(all.toArray(EpochMetrics[]::new));
    assertThat(MetricsLog.readAll(file)).as("seed %d", SEED).isEqualTo(all);
  }

  @Test
  void a_reopened_log_goes_on_behind_its_lines() throws IOException {
    append(metrics(1, 2, 0.5));
    append(metrics(2, 1, 0.75));
    assertThat(MetricsLog.readAll(file)).containsExactly(metrics(1, 2, 0.5), metrics(2, 1, 0.75));
  }

  @Test
  void truncation_drops_later_epochs_and_a_torn_line_and_keeps_the_rest_to_the_byte()
      throws IOException {
    append(metrics(1, 2, 0.5), metrics(2, 1, 0.75));
    String two = Files.readString(file);
    append(metrics(3, 1, 0.5));
    Files.writeString(file, Files.readString(file) + "{\"epoch\":4,\"st");
    assertThat(MetricsLog.readAll(file)).hasSize(3);
    assertThatThrownBy(() -> MetricsLog.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("torn line");
    assertThat(MetricsLog.truncateAfter(file, 2))
        .containsExactly(metrics(1, 2, 0.5), metrics(2, 1, 0.75));
    assertThat(Files.readString(file)).isEqualTo(two);
    append(metrics(3, 1, 0.25));
    assertThat(MetricsLog.readAll(file)).hasSize(3);
    assertThat(MetricsLog.truncateAfter(file, 0)).isEmpty();
    assertThat(file).isEmptyFile();
  }

  @Test
  void truncating_a_log_that_is_not_there_makes_none() throws IOException {
    assertThat(MetricsLog.truncateAfter(file, 3)).isEmpty();
    assertThat(file).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nonsense",
        "{\"epoch\":2}",
        "[1]",
        "\u00ff",
        "{\"epoch\":1,\"epoch\":2}",
      })
  void a_line_that_is_no_epoch_is_named(String line) throws IOException {
    Files.writeString(file, LINE_ONE + line + "\n" + LINE_ONE);
    assertThatThrownBy(() -> MetricsLog.readAll(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + ": line 2 is not the metrics of an epoch");
  }

  @Test
  void a_number_out_of_range_or_an_unknown_name_is_named() throws IOException {
    for (String bad :
        List.of(
            LINE_ONE.replace("\"trainLoss\":1.5", "\"trainLoss\":\"NaN\""),
            LINE_ONE.replace("\"trainLoss\":1.5", "\"trainLoss\":null"),
            LINE_ONE.replace("\"trainAccuracy\":0.1", "\"trainAccuracy\":1.1"),
            LINE_ONE.replace("bytesFromWorker", "bytes"))) {
      Files.writeString(file, bad);
      assertThatThrownBy(() -> MetricsLog.readAll(file))
          .isInstanceOf(IOException.class)
          .hasMessage(file + ": line 1 is not the metrics of an epoch");
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void nan_and_infinity_are_refused_by_name(double value) {
    assertThatThrownBy(() -> metrics(1, value, 0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metric trainLoss must be finite, it is NaN or infinite");
  }

  @Test
  void the_ranges_of_metrics_are_checked() {
    assertThatThrownBy(() -> metrics(1, 1, 1.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metric trainAccuracy must be from 0 to 1");
    assertThatThrownBy(() -> metrics(0, 1, 0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metric epoch must be at least 1");
    assertThatThrownBy(() -> new EpochMetrics(1, 1, 1.0, 1.0, 1, 1, 1, -1, 1, 1, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metric imagesPerSecond must be at least 0");
  }

  @Test
  void an_epoch_all_of_whose_steps_were_lost_has_no_training_figures() throws Exception {
    EpochMetrics lost = new EpochMetrics(1, 10, null, null, 0.5, 0.25, 0.1, 0, 0, 0, 0, 0);
    append(lost, metrics(2, 0.3, 0.9));
    assertThat(Files.readAllLines(file).getFirst())
        .contains("\"trainLoss\":null,\"trainAccuracy\":null,\"testLoss\":0.5");
    assertThat(MetricsLog.readAll(file)).containsExactly(lost, metrics(2, 0.3, 0.9));
    assertThatThrownBy(() -> new EpochMetrics(1, 10, 0.5, null, 0.5, 0.25, 0.1, 0, 0, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metrics trainLoss and trainAccuracy are both known or both not");
  }

  @Test
  void a_validated_epoch_has_validation_metrics_in_place_of_test_metrics() throws Exception {
    EpochMetrics validated =
        new EpochMetrics(1, 10, 0.5, 0.75, null, null, 0.1, 0, 0, 0, 0, 0, 0.25, 0.875);
    append(validated);
    assertThat(Files.readString(file))
        .contains("\"trainAccuracy\":0.75,\"learningRate\"")
        .endsWith("\"validationLoss\":0.25,\"validationAccuracy\":0.875}\n");
    assertThat(MetricsLog.readAll(file)).containsExactly(validated);
    assertThat(validated.heldOutLoss()).isEqualTo(0.25);
    assertThat(metrics(1, 2, 0.5).heldOutLoss()).isEqualTo(2);
  }

  @Test
  void an_epoch_is_either_tested_or_validated() {
    assertThatThrownBy(
            () -> new EpochMetrics(1, 10, 0.5, 0.5, null, null, 0.1, 0, 0, 0, 0, 0, null, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metrics testLoss and validationLoss: one of them is known, and not both");
    assertThatThrownBy(
            () -> new EpochMetrics(1, 10, 0.5, 0.5, 1.0, 0.5, 0.1, 0, 0, 0, 0, 0, 1.0, 0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one of them is known");
    assertThatThrownBy(
            () -> new EpochMetrics(1, 10, 0.5, 0.5, null, null, 0.1, 0, 0, 0, 0, 0, 1.0, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("metrics validationLoss and validationAccuracy are both known or both not");
  }

  /// Absent numbers are not read as 0.
  @Test
  void no_number_may_be_missing() throws IOException {
    for (String name : List.of("epoch", "step", "testLoss", "learningRate", "bytesToWorker")) {
      Files.writeString(file, LINE_ONE.replaceAll("\"" + name + "\":[^,]*,", ""));
      assertThatThrownBy(() -> MetricsLog.readAll(file)).as(name).isInstanceOf(IOException.class);
    }
  }

  private static EpochMetrics metrics(int epoch, double loss, double accuracy) {
    return new EpochMetrics(
        epoch, epoch * 10L, loss, accuracy, loss, accuracy, 0.1, 100.1, 3.3, 4.4, 5, 6);
  }

  private void append(EpochMetrics... all) throws IOException {
    try (MetricsLog log = MetricsLog.open(file)) {
      for (EpochMetrics metrics : all) {
        log.append(metrics);
      }
    }
  }
}
