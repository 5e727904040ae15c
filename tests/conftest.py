from hypothesis import settings

# A busy machine is no finding: time is measured in bench/.
settings.register_profile("krmfn", deadline=None)
settings.load_profile("krmfn")
