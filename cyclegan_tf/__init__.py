"""CycleGAN and its relatives in TensorFlow and Keras 3.

An image's walk through the package: `data.prepare` makes a dataset, `data.npz` keeps it,
`recipes` makes a model, `training_run.train` trains it into a folder, and `translate.load` uses
what was learned. `cyclegan-tf` does the same from the command line.
"""
