"""What users write: the kinds that krmfn reads, as models."""
