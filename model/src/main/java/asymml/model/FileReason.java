package asymml.model;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/// Why a file could not be used, in words for an error message. Java's file exceptions often carry
/// the path alone and leave the reason to their type.
public final class FileReason {
  private FileReason() {}

  /// The reason behind an exception.
  ///
  /// @param e any exception of reading or writing files
  /// @return a few words in one line, without the path where Java keeps it apart
  public static String of(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }
}
