package asymml.session.owner;

import asymml.attest.EvidenceException;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.release.KeyClient;
import asymml.attest.release.KeyGrant;
import asymml.attest.release.LeaseClient;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.source.EvidenceSource;
import asymml.attest.source.None;
import asymml.model.ClearStore;
import asymml.model.PrivateFiles;
import asymml.privacy.PrivacyStatement;
import asymml.session.InvalidSpecException;
import asymml.session.ModelFormat;
import asymml.session.ResolvedRun;
import asymml.session.TrainedRun;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Progress;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A run whose owner has released the key to its data. The images are read from the sealed folder
/// that the specification names; checkpoint, ledger, metrics and record are sealed under the same
/// key, and there are no event files. The settings and the evidence lie in the run directory in
/// clear.
///
/// Hold it open as long as its sessions.
public final class OwnedRun implements AutoCloseable {
  /// What begins each line about a run without protection.
  public static final String SIMULATION = "SIMULATION: not protected";

  private final TrainingSpec spec;
  private final OwnerAccess access;
  private final RunConfiguration configuration;
  private final KeyGrant grant;
  private final SecureRandom random = new SecureRandom();

  OwnedRun(TrainingSpec spec, OwnerAccess access, RunConfiguration configuration, KeyGrant grant) {
    this.spec = spec;
    this.access = access;
    this.configuration = configuration;
    this.grant = grant;
  }

  /// Declares the run to its owner, and asks for the key with evidence of this process.
  ///
  /// @param spec what to run; its data are a sealed folder
  /// @param access to the owner
  /// @return the run, which the caller closes
  /// @throws InvalidSpecException if the run cannot be one with sealed files
  /// @throws IOException one line, if there is no evidence, or the owner refuses or cannot be
  ///   reached
  /// @throws EvidenceException one line, if this process is in another TEE than is required, or the
  ///   settings are too long to be declared
  public static OwnedRun request(TrainingSpec spec, OwnerAccess access)
      throws IOException, EvidenceException {
    Declaration.requireSealable(spec);
    RunConfiguration configuration = Declaration.of(spec);
    EvidenceSource source = EvidenceSource.find(access.root(), access.limit());
    if (source instanceof None(String reason)) {
      throw new IOException(
          "there is no evidence of %s, without which the owner releases no key: %s"
              .formatted(access.tee().label(), reason));
    }
    try {
      return new OwnedRun(
          spec,
          access,
          configuration,
          KeyClient.request(
              access.address(),
              access.owner(),
              configuration,
              source,
              access.tee(),
              access.limit()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the owner's key");
    }
  }

  /// Decrypts and decodes the images. The sealed folder is closed when this returns.
  ///
  /// @param progress hears how far it is
  /// @return the run
  /// @throws DataException if anything is wrong with the data; it names no file in the folder
  /// @throws InvalidSpecException if model, plan and images do not fit together
  /// @throws IOException one line, if the file is no sealed folder of this key, cut or changed
  public ResolvedRun open(Progress progress) throws DataException, IOException {
    try (SealedImages images = new SealedImages(Path.of(spec.data().source()), grant.key())) {
      return ResolvedRun.open(spec, images, progress);
    }
  }

  /// A new run.
  ///
  /// @param run as [#open] gave it
  /// @param directory created if absent, must not hold another run
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be used
  public TrainingSession create(ResolvedRun run, Path directory) throws IOException {
    return begun(
        TrainingSession.create(run, layout(directory, SealedStore.begin(grant.key(), random))));
  }

  /// A new run in a directory of its own, named by time, model and mode.
  ///
  /// @param run as [#open] gave it
  /// @param runs where to create it
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be created
  public TrainingSession createUnder(ResolvedRun run, Path runs) throws IOException {
    SealedStore store = SealedStore.begin(grant.key(), random);
    return begun(TrainingSession.createUnder(run, runs, directory -> layout(directory, store)));
  }

  /// A run that was stopped.
  ///
  /// @param run as [#open] gave it
  /// @param directory of the run
  /// @return the session, which the caller closes
  /// @throws InvalidSpecException if settings have changed that change what is computed
  /// @throws IOException if the directory holds no run of this key
  public TrainingSession resume(ResolvedRun run, Path directory) throws IOException {
    RunLayout layout = layout(directory, SealedStore.resume(grant.key(), random, directory));
    TrainingSession session = begun(TrainingSession.resume(run, layout));
    SealedStore.clean(directory);
    return session;
  }

  private RunLayout layout(Path directory, SealedStore store) {
    return grant.acceptance().leases()
        ? new RunLayout(
            directory,
            store,
            new OwnerLease(
                new LeaseClient(
                    access.address(),
                    access.owner(),
                    grant.key(),
                    store.run(),
                    random,
                    access.limit())))
        : new RunLayout(directory, store);
  }

  private TrainingSession begun(TrainingSession session) throws IOException {
    try {
      writeEvidence(session.layout().directory());
    } catch (IOException e) {
      try (session) {
        throw e;
      }
    }
    return session.protection(protection());
  }

  /// Writes the model of a run's last checkpoint for other programs, sealed.
  ///
  /// @param directory of the run
  /// @param format of the plaintext
  /// @param file the sealed file; its directory must exist
  /// @return the run that was exported, which the caller closes
  /// @throws IOException one line, if there is no model, it is not the newest that the owner knows
  ///   of, or it cannot be written
  /// @throws IllegalArgumentException one line, if the format cannot express the model
  public TrainedRun export(Path directory, ModelFormat format, Path file) throws IOException {
    SealedStore store = SealedStore.resume(grant.key(), random, directory);
    TrainedRun trained = TrainedRun.open(layout(directory, store));
    boolean written = false;
    try {
      requireNewest(trained);
      trained.export(format, store.ofModels(), file);
      written = true;
      return trained;
    } finally {
      if (!written) {
        trained.close();
      }
    }
  }

  /// A ledger and a checkpoint that were put back together fit each other: an owner who counts
  /// steps knows more. The ledger that is compared is the one that the export states.
  private static void requireNewest(TrainedRun trained) throws IOException {
    RunLayout layout = trained.layout();
    @Nullable PrivacyStatement statement = trained.statement();
    long listed = statement == null ? 0 : statement.ledger().steps();
    long counted = layout.lease().counted(listed, Long.MAX_VALUE);
    if (counted != listed) {
      throw new IOException(
          "%s is an old copy of the run, or the run was killed: its ledger lists %s steps, and the owner has counted %s; resume the newest copy, and export that"
              .formatted(layout.directory(), listed, counted));
    }
  }

  /// Evidence and decision of each request have a folder of their own.
  private void writeEvidence(Path directory) throws IOException {
    Path folder = directory.resolve("evidence/1");
    for (int i = 2; Files.exists(folder); i++) {
      folder = directory.resolve("evidence/" + i);
    }
    PrivateFiles.createDirectories(folder);
    ClearStore clear = ClearStore.CLEAR;
    clear.replace(folder.resolve("evidence.bin"), grant.evidence().evidence());
    if (grant.evidence().certificates().length > 0) {
      clear.replace(folder.resolve("certificates.bin"), grant.evidence().certificates());
    }
    clear.replace(folder.resolve("configuration.json"), configuration.text());
    Map<String, Object> decision = new LinkedHashMap<>();
    decision.put("granted", true);
    decision.put("simulation", isSimulation());
    decision.put("evidence", grant.acceptance().evidence());
    decision.put("tcbStatus", grant.acceptance().tcbStatus());
    decision.put("owner", access.address().toString());
    decision.put("ownerKey", OwnerIdentity.fingerprint(access.owner()));
    decision.put("configurationDigest", HexFormat.of().formatHex(configuration.digest()));
    decision.put("key", HexFormat.of().formatHex(grant.key().id()));
    RunFile.write(folder.resolve("decision.json"), decision);
  }

  /// Whether nothing protects this run: the owner's policy accepts roots of tests, or the evidence
  /// comes from another file tree than the machine's.
  ///
  /// @return false in a TEE that the owner has accepted by its vendor's root
  public boolean isSimulation() {
    return grant.acceptance().simulation() || access.isSimulated();
  }

  /// What protects this process, in half a sentence.
  ///
  /// @return TEE, measurement and TCB status, or that it is a simulation
  public String protection() {
    String accepted =
        "%s%s, accepted by the owner"
            .formatted(
                grant.acceptance().evidence(),
                grant.acceptance().tcbStatus().isEmpty()
                    ? ""
                    : ", TCB " + grant.acceptance().tcbStatus());
    return isSimulation() ? SIMULATION + ": " + accepted : accepted;
  }

  /// What is said of the owner and the evidence when the run begins.
  ///
  /// @return a line each
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add("tee      " + protection());
    lines.add(
        "owner    %s, TLS key %s; configuration %s, data key %s"
            .formatted(
                access.address(),
                OwnerIdentity.fingerprint(access.owner()),
                HexFormat.of().formatHex(configuration.digest()),
                HexFormat.of().formatHex(grant.key().id())));
    lines.add(
        "sealed   checkpoint, ledger, metrics and record; metrics are not shown, and there are no"
            + " event files");
    lines.add(
        grant.acceptance().leases()
            ? "rollback the owner counts steps: an old copy of the run directory is not resumed"
            : "rollback not prevented: who keeps an old copy of the run directory can resume it,"
                + " and spend its privacy budget twice");
    return lines;
  }

  /// Zeroes the key.
  @Override
  public void close() {
    grant.close();
  }
}
