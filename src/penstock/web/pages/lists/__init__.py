"""What the lists of all pages answer to: bulk bars, named views, exports."""
