package dev.kerneltracer.model;

/// A file of a model on the hub.
///
/// @param path relative, with `/`
/// @param sizeBytes of its content
/// @param etag what its blob is called: the sha256 of a large file, the git sha1 of a small one
record HubFile(String path, long sizeBytes, String etag) {
  String name() {
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
