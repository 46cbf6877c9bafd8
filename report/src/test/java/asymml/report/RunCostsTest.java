package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.session.Settings;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jsoup.nodes.Document;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunCostsTest {
  @TempDir Path folder;

  private Document costs(Ledger ledger, int workers) throws IOException {
    PlantedRun planted = new PlantedRun(folder, Mode.ASYMML, 2).write();
    LedgerFile.write(new RunLayout(folder).ledger(), ledger);
    Settings.of(planted.spec(workers)).write(new RunLayout(folder).config());
    Document document = Document.createShell("");
    new RunCosts(ReportedRun.read(folder)).appendTo(PageSection.of(document));
    return document;
  }

  private static List<String> row(Document document, String channel) {
    return document.select("tbody tr").stream()
        .filter(row -> row.expectFirst("th").text().equals(channel))
        .findFirst()
        .orElseThrow()
        .children()
        .eachText();
  }

  @Test
  void seconds_of_training_follow_from_images_and_speed() throws Exception {
    ReportedRun run = new PlantedRun(folder, Mode.ASYMML, 2).write().read();
    // 48 images at 24 a second, twice.
    assertThat(new RunCosts(run).trainingSeconds().orElseThrow()).isCloseTo(4, within(1e-9));
    assertThat(new RunCosts(run).trustedSeconds()).isCloseTo(7, within(1e-9));
    assertThat(new RunCosts(run).bytesToWorker()).isEqualTo(2 * 1_234_567L);
  }

  @Test
  void weights_are_sent_to_every_worker_and_the_rest_to_one() throws Exception {
    Document found = costs(PlantedRun.unaccounted(), 2);
    assertThat(row(found, "weights").getLast())
        .isEqualTo(Figures.bytes(4L * 6 * 2 * PlantedRun.WEIGHT_VALUES));
    assertThat(row(found, "residuals").getLast())
        .isEqualTo(Figures.bytes(4L * 96 * PlantedRun.RESIDUAL_VALUES));
  }

  @Test
  void every_slot_of_a_step_is_sent_null_examples_too() throws Exception {
    Sampling.Poisson sampling = new Sampling.Poisson(48, 16, 48);
    Ledger ledger =
        new Ledger(
            sampling,
            new Delta(1e-5),
            List.of(
                new Ledger.Entry(
                    List.of(
                        new Release(
                            Channel.RESIDUALS, "conv2", 100, new Release.Uncovered("planted"))),
                    6)));
    assertThat(row(costs(ledger, 1), "residuals").getLast())
        .isEqualTo(Figures.bytes(4L * 6 * 48 * 100));
  }

  @Test
  void noise_on_gradient_sums_is_not_sent() throws Exception {
    Ledger ledger =
        PlantedRun.ledger(
            new Release(
                Channel.WEIGHTS,
                "conv2",
                500,
                new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(2))),
            new Release(Channel.WEIGHTS, "conv2", 10, new Release.PostProcessing("noisy sums")));
    assertThat(row(costs(ledger, 1), "weights"))
        .containsExactly("weights", "–", "10", Figures.bytes(4L * 6 * 10));
  }
}
