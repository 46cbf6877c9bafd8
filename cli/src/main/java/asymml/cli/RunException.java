package asymml.cli;

import asymml.cli.options.AccountingOptions;
import java.util.function.Supplier;

/// A run that ended before its time, or a question that has no answer. The message is one line that
/// says why and how to go on.
final class RunException extends Exception {
  private static final long serialVersionUID = 1;

  RunException(String message) {
    super(message);
  }

  RunException(String message, Throwable cause) {
    super(message, cause);
  }

  /// The answer to a question about privacy.
  ///
  /// @param accounting how it counts
  /// @param question asks an accountant
  /// @throws RunException if that has no bound
  static <T> T ifUnbounded(AccountingOptions accounting, Supplier<T> question) throws RunException {
    try {
      return accounting.answer(question);
    } catch (ArithmeticException e) {
      throw new RunException(String.valueOf(e.getMessage()), e);
    }
  }
}
