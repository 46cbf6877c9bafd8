package asymml.verify.violations.trusted.data;

/// Stands for private data.
public final class PrivateImages {}
