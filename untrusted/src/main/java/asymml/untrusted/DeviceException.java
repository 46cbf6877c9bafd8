package asymml.untrusted;

/// A device that is missing or has failed; the message is one line that names the call and its
/// status, or what to install.
final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  DeviceException(String message) {
    super(message);
  }

  DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
