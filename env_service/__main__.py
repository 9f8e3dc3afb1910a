"""`python -m env_service`: runs the environment service with the settings of the environment (SQLENV_ENV_*)."""

from env_service.app import main

if __name__ == "__main__":
    main()
