// A plugin of the framework: what AWS would refuse in the midst of a deploy is asked before it begins. Packaging asks nothing.
module.exports = class DeployCheck {
  constructor(serverless) {
    this.hooks = {
      initialize: async () => {
        if (serverless.processedInput.commands.join(' ') !== 'deploy') return;
        const provider = serverless.getProvider('aws');
        const { checkDeploy } = await import('../dist/service/deploy-check.js');
        const { dispatch, broker, clusterArn } = serverless.service.custom.deployCheck;
        const isBrought = dispatch === 'kafka_outbox' && broker === 'existing';
        try {
          await checkDeploy({
            account: () => provider.getAccountId(),
            region: provider.getRegion(),
            clusterArn: isBrought ? clusterArn : '',
          });
        } catch (error) {
          // The cause in one line: the framework would print the stack of anything else.
          throw new serverless.classes.Error(error.message);
        }
      },
    };
  }
};
