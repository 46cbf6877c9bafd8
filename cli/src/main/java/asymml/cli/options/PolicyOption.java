package asymml.cli.options;

import asymml.attest.EvidenceException;
import asymml.attest.policy.Policy;
import asymml.attest.policy.PolicyFile;
import asymml.model.TextFile;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// A data owner's policy.
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class PolicyOption {

  @Option(
      names = "--policy",
      required = true,
      paramLabel = "FILE",
      description = "What the owner accepts, in YAML (docs/guide/tee.md).")
  private Path file;

  /// Made by picocli.
  public PolicyOption() {}

  /// The policy.
  ///
  /// @return as read
  /// @throws IOException one line, if the file cannot be read
  /// @throws EvidenceException one line that names the file and the key at fault
  public Policy read() throws IOException, EvidenceException {
    return read(file);
  }

  /// Reads a policy.
  ///
  /// @param file YAML
  /// @return the policy
  /// @throws IOException one line, if the file cannot be read
  /// @throws EvidenceException one line that names the file and the key at fault
  public static Policy read(Path file) throws IOException, EvidenceException {
    try {
      return PolicyFile.parse(TextFile.read(file));
    } catch (EvidenceException e) {
      throw new EvidenceException(file + ": " + e.getMessage(), e);
    }
  }
}
