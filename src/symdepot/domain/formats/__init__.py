"""File formats: detection, inspection, ids and sections."""
