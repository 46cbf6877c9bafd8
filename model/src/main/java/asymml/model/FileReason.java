package asymml.model;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;

/// Why a file could not be used, in words for an error message. Java's file exceptions often carry
/// the path alone and leave the reason to their type.
public final class FileReason {
  private static final String LOOP = "loop of symbolic links";

  private FileReason() {}

  /// The reason behind an exception.
  ///
  /// @param e any exception of reading or writing files
  /// @return a few words in one line, without the path where Java keeps it apart
  public static String of(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemLoopException _ -> LOOP;
      case NotDirectoryException _ -> "not a directory";
      case DirectoryNotEmptyException _ -> "directory not empty";
      case FileAlreadyExistsException f when f.getReason() == null -> "it exists already";
      case CharacterCodingException _ -> "not text in UTF-8";
      case FileSystemException f when f.getReason() != null -> system(f.getReason());
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  /// The system's word for a loop counts levels.
  private static String system(String reason) {
    return reason.toLowerCase(Locale.ROOT).contains("levels of symbolic links") ? LOOP : reason;
  }
}
