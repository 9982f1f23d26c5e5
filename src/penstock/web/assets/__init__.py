"""What lies in `static/`, as browsers fetch it: addresses with a version, bundles, the app that serves them."""
