package dev.kerneltracer.model;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/// The hash that a blob's name is.
enum BlobHash {
  /// Of a file in git LFS or Xet.
  SHA256,
  /// Of a file in git itself, over `blob SIZE\0` and the content.
  GIT_SHA1,
  /// A mirror of its own mind: there is only the size to go by.
  NONE;

  private static final Pattern HEX64 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern HEX40 = Pattern.compile("[0-9a-f]{40}");

  static BlobHash of(String etag) {
    return HEX64.matcher(etag).matches() ? SHA256 : HEX40.matcher(etag).matches() ? GIT_SHA1 : NONE;
  }

  MessageDigest begin(long sizeBytes) {
    try {
      MessageDigest digest = MessageDigest.getInstance(this == GIT_SHA1 ? "SHA-1" : "SHA-256");
      if (this == GIT_SHA1) {
        digest.update(("blob " + sizeBytes + "\0").getBytes(StandardCharsets.US_ASCII));
      }
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has both
    }
  }

  boolean matches(MessageDigest digest, String etag) {
    return this == NONE || HexFormat.of().formatHex(digest.digest()).equals(etag);
  }
}
