"""`python -m reward_service`: runs the reward service with the settings of the environment (SQLENV_REWARD_*)."""

from reward_service.app import main

if __name__ == "__main__":
    main()
