package asymml.session;

import java.util.List;
import java.util.stream.Collectors;

/// A specification that cannot be run. The message holds all that is wrong in one line; programs
/// look at [#findings].
public final class InvalidSpecException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  private final transient List<Finding> findings;

  /// What is wrong.
  ///
  /// @param findings at least one
  public InvalidSpecException(List<Finding> findings) {
    super(findings.stream().map(Finding::message).collect(Collectors.joining("; ")));
    this.findings = List.copyOf(findings);
  }

  /// One thing that is wrong.
  ///
  /// @param finding what
  public InvalidSpecException(Finding finding) {
    this(List.of(finding));
  }

  /// One thing that a check found.
  ///
  /// @param kind what kind of thing
  /// @param cause whose message says what is wrong
  InvalidSpecException(Finding.Kind kind, IllegalArgumentException cause) {
    super(cause.getMessage(), cause);
    this.findings = List.of(Finding.of(kind, String.valueOf(cause.getMessage())));
  }

  /// All that is wrong.
  ///
  /// @return at least one finding
  public List<Finding> findings() {
    return findings;
  }
}
