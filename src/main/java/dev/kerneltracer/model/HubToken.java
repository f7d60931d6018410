package dev.kerneltracer.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The user's access token of the hub. It is written into a request's header and nowhere else: what
/// prints this object prints only where the token came from.
public final class HubToken {
  private final String secret;
  private final String source;

  private HubToken(String secret, String source) {
    this.secret = secret;
    this.source = source;
  }

  /// As huggingface_hub looks for it: `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, then the file of
  /// `HF_TOKEN_PATH`, by default `token` in `HF_HOME`. Null where there is none, or where
  /// `HF_HUB_DISABLE_IMPLICIT_TOKEN` forbids to send one.
  static @Nullable HubToken of(Map<String, String> environment) {
    if (HubSettings.isTrue(environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) {
      return null;
    }
    for (String name : new String[] {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
      String secret = clean(environment.getOrDefault(name, ""));
      if (!secret.isEmpty()) {
        return new HubToken(secret, name);
      }
    }
    String named = environment.getOrDefault("HF_TOKEN_PATH", "");
    Path file =
        named.isEmpty() ? HubCache.home(environment).resolve("token") : HubCache.expanded(named);
    try {
      String secret = clean(Files.readString(file));
      return secret.isEmpty() ? null : new HubToken(secret, file.toString());
    } catch (IOException e) {
      return null; // not logged in
    }
  }

  /// The value of the header `Authorization`.
  String authorization() {
    return "Bearer " + secret;
  }

  /// Where the token came from, never the token.
  @Override
  public String toString() {
    return "the token of " + source;
  }

  private static String clean(String text) {
    return text.strip().replaceAll("[^\\x21-\\x7e]", "");
  }
}
