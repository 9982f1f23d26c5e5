"""What this extension adds to Metaflow."""

CLIS_DESC = [("penstock", ".penstock.commands.cli")]
DEPLOYER_IMPL_PROVIDERS_DESC = [("penstock", ".penstock.deployer.PenstockDeployer")]
