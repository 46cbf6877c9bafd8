package asymml.trusted.run;

import java.nio.file.Path;

/// Where the files of a run lie; knows names only and touches nothing.
///
/// @param directory the run directory
public record RunLayout(Path directory) {
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
    return directory.resolve("run.json");
  }

  /// One JSON object per epoch; see [MetricsLog].
  ///
  /// @return `metrics.jsonl`
  public Path metrics() {
    return directory.resolve("metrics.jsonl");
  }

  /// The last complete checkpoint.
  ///
  /// @return `checkpoint.safetensors`
  public Path checkpoint() {
    return directory.resolve("checkpoint.safetensors");
  }

  /// What has been released; see [LedgerFile].
  ///
  /// @return `ledger.json`
  public Path ledger() {
    return directory.resolve("ledger.json");
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
