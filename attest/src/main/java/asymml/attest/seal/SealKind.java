package asymml.attest.seal;

import java.util.Arrays;
import java.util.Optional;

/// What was sealed.
public enum SealKind {
  /// One file.
  FILE(1),
  /// A folder with its files.
  TREE(2),
  /// The checkpoint of a run.
  CHECKPOINT(3),
  /// The ledger of a run: what it has released.
  LEDGER(4),
  /// The metrics of a run.
  METRICS(5),
  /// What a run was made with, and how it ended.
  RECORD(6),
  /// A model that was exported from a run.
  MODEL(7);

  private final int code;

  SealKind(int code) {
    this.code = code;
  }

  /// Whether it belongs to a run: then the metadata is the run's id.
  ///
  /// @return false for what an owner sealed
  public boolean isOfRun() {
    return this != FILE && this != TREE;
  }

  /// How headers write it.
  int code() {
    return code;
  }

  static Optional<SealKind> of(int code) {
    return Arrays.stream(values()).filter(kind -> kind.code == code).findFirst();
  }
}
