package asymml.session.owner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.seal.DataKey;
import asymml.model.PrivateStore;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
import asymml.session.TrainedRun;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SealedInferenceTest {
  @TempDir Path folder;

  @Test
  void weights_of_a_sealed_run_are_not_sent_to_a_worker() throws Exception {
    TrainingSpec spec =
        TrainingSpec.defaults()
            .withLimits(16, 4)
            .withBatchSize(16)
            .withEpochs(1)
            .withThreads(1)
            .withMode(Mode.TRUSTED_ONLY);
    Path directory = folder.resolve("run");
    try (TrainingSession session = TrainingSession.create(spec, directory)) {
      session.train();
    }
    SecureRandom random = new SecureRandom();
    try (DataKey key = DataKey.draw(random)) {
      PrivateStore store = SealedStore.begin(key, random);
      RunLayout clear = new RunLayout(directory);
      RunLayout sealed = new RunLayout(directory, store);
      store.replace(sealed.checkpoint(), Files.readAllBytes(clear.checkpoint()));
      try (TrainedRun run = TrainedRun.open(sealed)) {
        InferenceSpec split = InferenceSpec.of(TrainingSpec.defaults());
        assertThatThrownBy(() -> run.split(split).close())
            .isInstanceOf(InvalidSpecException.class)
            .hasMessage(
                "worker would be sent weights of a sealed run, which its owner has not released");
        assertThat(sealed.queries()).doesNotExist();
      }
    }
  }
}
