package asymml.study;

import asymml.session.ResolvedRun;
import asymml.trusted.run.RunLayout;
import java.io.IOException;

/// Writes what a run was made with and how it ended.
@FunctionalInterface
public interface RunRecorder {
  /// Writes the record, in place of an earlier one.
  ///
  /// @param run what was run
  /// @param layout of its directory
  /// @param outcome `running`, `finished`, `stopped`, or `failed: ...`
  /// @throws IOException if it cannot be written
  void write(ResolvedRun run, RunLayout layout, String outcome) throws IOException;
}
