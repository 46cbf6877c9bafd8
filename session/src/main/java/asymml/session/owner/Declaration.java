package asymml.session.owner;

import asymml.attest.EvidenceException;
import asymml.attest.policy.RunBounds;
import asymml.attest.policy.RunConfiguration;
import asymml.session.Finding;
import asymml.session.InvalidSpecException;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import asymml.trusted.data.Decoding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a run declares to its owner: all settings that change what it computes or releases. A
/// resumed run declares the same.
final class Declaration {
  private Declaration() {}

  /// Refuses what a run with sealed data cannot do without a file in clear, or with something that
  /// no evidence speaks of.
  ///
  /// @throws InvalidSpecException with all of it
  static void requireSealable(TrainingSpec spec) {
    List<Finding> found = new ArrayList<>();
    String source = spec.data().source();
    if (source.equals("generated") || source.startsWith("generated:")) {
      found.add(contradiction("data", "must name a file that the owner has sealed"));
    }
    String publicSource = spec.data().publicSource();
    if (!publicSource.equals("generated") && !publicSource.startsWith("generated:")) {
      // A run whose public images are private ones is refused.
      found.add(
          contradiction(
              "public-data",
              "must be generated: whether the operator's images are among the private ones would"
                  + " show"));
    }
    if (spec.data().decoding().cacheBytes() != Long.MAX_VALUE) {
      found.add(
          contradiction("image-cache", "keeps fewer than all images: with an owner all are kept"));
    }
    Decoding.Columns columns = spec.data().decoding().columns();
    if (columns.label() != null || columns.group() != null) {
      found.add(
          contradiction(
              columns.label() != null ? "label-column" : "group-column",
              "names a column of a table: with an owner the data are folders of images"));
    }
    if (spec.data().decoding().randomCrop()) {
      found.add(
          contradiction(
              "random-crop", "decodes images each time: with an owner all are kept as scaled"));
    }
    if (spec.data().decoding().onBadImage() == Decoding.OnBadImage.SKIP) {
      found.add(
          contradiction(
              "on-bad-image",
              "skip would name images that are left out: with an owner, who sees them before"
                  + " sealing, it is fail"));
    }
    if (spec.analyzeEvery() > 0) {
      found.add(
          contradiction(
              "analyze-every", "writes statistics of private data in clear: not with an owner"));
    }
    if (spec.training().choosesBest()) {
      found.add(
          contradiction(
              "validation-split",
              "chooses a model by private images, and the host sees when it is written: not with an"
                  + " owner"));
    }
    if (spec.init().file() != null) {
      found.add(
          contradiction(
              "init", "reads a file of which the owner knows nothing: not with an owner"));
    }
    if (spec.usedWorkers().stream().anyMatch(WorkerChoice.Local.class::isInstance)) {
      found.add(
          contradiction(
              "worker",
              "must name one that runs already (tls:HOST:PORT): with an owner this process starts"
                  + " no other"));
    }
    if (!found.isEmpty()) {
      throw new InvalidSpecException(found);
    }
  }

  private static Finding contradiction(String setting, String problem) {
    return new Finding(Finding.Kind.CONTRADICTION, setting, problem);
  }

  /// The canonical form of a run's settings.
  ///
  /// @throws EvidenceException one line, if they are longer than a configuration may be
  static RunConfiguration of(TrainingSpec spec) throws EvidenceException {
    Map<String, Object> settings =
        new LinkedHashMap<>(Settings.of(spec).without(Settings.FREE_ON_RESUME).values());
    // Models are exported sealed.
    settings.put(RunBounds.RELEASE_MODEL, false);
    return RunConfiguration.of(settings);
  }
}
