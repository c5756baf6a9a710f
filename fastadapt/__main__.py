"""`python -m fastadapt` is the command line."""

from fastadapt.adaptation.cli.main import main

if __name__ == "__main__":
    main()
