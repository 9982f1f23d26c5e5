"""What lists share: filters, groups, columns by key, namespaces, exports."""
