"""The names of all methods and presets, for whoever only lists them: no TensorFlow here."""

#: Every method and preset: the module that declares it, and what `train --help` says of it.
METHODS = {
    "cyclegan": ("cyclegan", "unpaired, both directions (Zhu et al. 2017)"),
    "cyclegan_fast": ("cyclegan", "cyclegan with what measurement found best within minutes"),
    "mri_to_ct": ("cyclegan", "cyclegan for MR and CT slices (Wolterink et al. 2017)"),
    "cut": ("cut", "unpaired, A to B, contrasts patches (Park et al. 2020)"),
    "fastcut": ("cut", "cut, lighter and faster (Park et al. 2020)"),
    "fsesim": ("fsesim", "unpaired, A to B, keeps self-similarity (Zheng et al. 2021)"),
    "fsesim_fast": ("fsesim", "fsesim with what measurement found best within minutes"),
    "matched": ("matched", "unpaired, A to many B, colours matched by optimal transport"),
    "matched_fast": ("matched", "matched with what measurement found best within minutes"),
    "unit": ("unit", "unpaired, both directions, shared latent space (Liu et al. 2017)"),
    "munit": ("munit", "unpaired, both directions, many outputs (Huang et al. 2018)"),
    "pix2pix": ("pix2pix", "of pairs, A to B (Isola et al. 2017)"),
    "dcgan": ("dcgan", "images of B from noise (Radford et al. 2016)"),
    "cgan": ("cgan", "images of B of a class and noise (Mirza and Osindero 2014)"),
    "autoencoder": ("autoencoder", "images of B to codes and back (Hinton and Salakhutdinov 2006)"),
    "vae": ("vae", "codes of a known distribution (Kingma and Welling 2014)"),
    "cvae": ("cvae", "of pairs, A to many B (Sohn et al. 2015)"),
}

#: Beside these, for training within minutes: one of the presets, by the data (`methods.choice`).
FAST = "fast"
