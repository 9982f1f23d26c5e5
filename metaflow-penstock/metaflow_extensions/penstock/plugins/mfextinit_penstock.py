"""What this extension adds to Metaflow."""

STEP_DECORATORS_DESC = [("penstock_internal", ".penstock.decorator.PenstockInternalDecorator")]
CLIS_DESC = [("penstock", ".penstock.commands.cli")]
DEPLOYER_IMPL_PROVIDERS_DESC = [("penstock", ".penstock.deployer.PenstockDeployer")]
SECRETS_PROVIDERS_DESC = [("penstock", ".penstock.secrets.PenstockSecretsProvider")]
