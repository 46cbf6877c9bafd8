package asymml.trusted.run;

import asymml.model.ClearStore;
import asymml.model.PrivateStore;
import java.nio.file.Files;
import java.nio.file.Path;

/// Where the files of a run lie, and how those are stored that follow from private values; knows
/// names only and writes nothing.
///
/// @param directory the run directory
/// @param store of metrics, ledger, checkpoint and [#runFile]; sealed files have names of their own
/// @param lease whose consent the run's steps need
public record RunLayout(Path directory, PrivateStore store, StepLease lease) {
  /// What the names of sealed files end in.
  public static final String SEALED = ".sealed";

  /// A run whose files are in clear.
  ///
  /// @param directory the run directory
  public RunLayout(Path directory) {
    this(directory, ClearStore.CLEAR);
  }

  /// A run whose steps need nobody's consent.
  ///
  /// @param directory the run directory
  /// @param store of its files
  public RunLayout(Path directory, PrivateStore store) {
    this(directory, store, StepLease.NONE);
  }

  private Path stored(String name) {
    return directory.resolve(store.isSealed() ? name + SEALED : name);
  }

  /// Whether the directory holds a sealed checkpoint, whatever this layout's own store.
  ///
  /// @return false if there is none
  public boolean holdsSealedRun() {
    return Files.exists(directory.resolve("checkpoint.safetensors" + SEALED));
  }

  /// The resolved configuration.
  ///
  /// @return `config.yaml`
  public Path config() {
    return directory.resolve("config.yaml");
  }

  /// Seed, versions and other facts that are needed to run it again; see [Provenance].
  ///
  /// @return `run.json`
  public Path runFile() {
    return stored("run.json");
  }

  /// One JSON object per epoch; see [MetricsLog].
  ///
  /// @return `metrics.jsonl`
  public Path metrics() {
    return stored("metrics.jsonl");
  }

  /// The last complete checkpoint.
  ///
  /// @return `checkpoint.safetensors`
  public Path checkpoint() {
    return stored("checkpoint.safetensors");
  }

  /// The model with the best validation accuracy so far.
  ///
  /// @return `best.safetensors`; runs that choose no model have none
  public Path best() {
    return stored("best.safetensors");
  }

  /// The file with the run's model.
  ///
  /// @return [#best] if there is one, else [#checkpoint]
  public Path model() {
    return Files.exists(best()) ? best() : checkpoint();
  }

  /// What has been released; see [LedgerFile].
  ///
  /// @return `ledger.json`
  public Path ledger() {
    return stored("ledger.json");
  }

  /// What inference through the split has released; see [QueryLog].
  ///
  /// @return `queries.jsonl`
  public Path queries() {
    return directory.resolve("queries.jsonl");
  }

  /// The directory of TensorBoard event files; see [TensorBoardLog].
  ///
  /// @return `events`
  public Path events() {
    return directory.resolve("events");
  }

  /// What a worker's process prints.
  ///
  /// @param which worker, from 0
  /// @return `worker.log`, `worker-2.log` and so on
  public Path workerLog(int which) {
    return directory.resolve(which == 0 ? "worker.log" : "worker-%s.log".formatted(which + 1));
  }

  /// Analyses of ranks: private statistics.
  ///
  /// @return `rank.json`
  public Path rank() {
    return directory.resolve("rank.json");
  }

  /// The same as a picture.
  ///
  /// @return `rank.svg`
  public Path rankPicture() {
    return directory.resolve("rank.svg");
  }

  /// What masks cost in precision: private statistics.
  ///
  /// @return `masks.json`
  public Path masks() {
    return directory.resolve("masks.json");
  }

  /// Where a report looks for an evaluation of the run's model, which `asymml eval --json` writes.
  ///
  /// @return `eval.json`
  public Path scores() {
    return directory.resolve("eval.json");
  }

  /// What an audit of the run's privacy found.
  ///
  /// @return `audit.json`
  public Path audit() {
    return directory.resolve("audit.json");
  }

  /// The file whose lock the trainer holds.
  Path lock() {
    return directory.resolve(".lock");
  }
}
