package asymml.attest.intel;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/// What Intel says of a platform's firmware.
public enum TcbStatus {
  /// Nothing is known against it.
  UP_TO_DATE("UpToDate"),
  /// The software in the TEE must defend itself.
  SW_HARDENING_NEEDED("SWHardeningNeeded"),
  /// The firmware's settings must change.
  CONFIGURATION_NEEDED("ConfigurationNeeded"),
  /// Both.
  CONFIGURATION_AND_SW_HARDENING_NEEDED("ConfigurationAndSWHardeningNeeded"),
  /// Known faults are not mended.
  OUT_OF_DATE("OutOfDate"),
  /// That, and its settings must change.
  OUT_OF_DATE_CONFIGURATION_NEEDED("OutOfDateConfigurationNeeded"),
  /// The TDX module was updated under the running TD, which must be started again.
  TD_RELAUNCH_ADVISED("TDRelaunchAdvised"),
  /// That, and its settings must change.
  TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED("TDRelaunchAdvisedConfigurationNeeded"),
  /// Its keys are known to others.
  REVOKED("Revoked"),
  /// The platform meets no level that Intel lists: not the same as OutOfDate.
  NOT_SUPPORTED("NotSupported");

  private static final Set<TcbStatus> INSECURE =
      Set.of(OUT_OF_DATE, OUT_OF_DATE_CONFIGURATION_NEEDED, REVOKED);

  /// Results of the algorithm, which no level has.
  private static final Set<TcbStatus> OURS =
      Set.of(TD_RELAUNCH_ADVISED, TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED, NOT_SUPPORTED);

  private final String label;

  TcbStatus(String label) {
    this.label = label;
  }

  /// Intel's word.
  ///
  /// @return for example `UpToDate`
  public String label() {
    return label;
  }

  /// The word by which a policy accepts it: dangerous ones only as `insecure...`.
  ///
  /// @return empty for what no policy accepts
  public Optional<String> policyWord() {
    if (this == NOT_SUPPORTED) {
      return Optional.empty();
    }
    return Optional.of(INSECURE.contains(this) ? "insecure" + label : label);
  }

  /// By Intel's word in TCB info and identities.
  ///
  /// @param label as signed
  /// @return empty for words that Intel does not use there
  static Optional<TcbStatus> signed(String label) {
    return Arrays.stream(values())
        .filter(s -> s.label.equals(label))
        .filter(s -> !OURS.contains(s))
        .findFirst();
  }

  boolean isOutOfDate() {
    return this == OUT_OF_DATE || this == OUT_OF_DATE_CONFIGURATION_NEEDED;
  }

  /// The status of a platform together with that of a part that runs on it.
  ///
  /// @param part of the TDX module or the quoting enclave
  /// @return the worse of the two
  TcbStatus with(TcbStatus part) {
    if (part == REVOKED || part == NOT_SUPPORTED) {
      return this == REVOKED ? this : part;
    }
    if (!part.isOutOfDate()) {
      return this;
    }
    return switch (this) {
      case UP_TO_DATE, SW_HARDENING_NEEDED -> OUT_OF_DATE;
      case CONFIGURATION_NEEDED, CONFIGURATION_AND_SW_HARDENING_NEEDED ->
          OUT_OF_DATE_CONFIGURATION_NEEDED;
      case OUT_OF_DATE,
          OUT_OF_DATE_CONFIGURATION_NEEDED,
          TD_RELAUNCH_ADVISED,
          TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
          REVOKED,
          NOT_SUPPORTED ->
          this;
    };
  }
}
