/** What `npm run bench -- --help` prints. */
export const benchHelp = `npm run bench -- [options]

  --only <rows>          these rows, apart by commas, or each with an --only of its own:
                         signed-in, provider-call, fastify-signed-in, fastify-provider-call,
                         redis-commands, refresh-storm, expiry, memory, sign-ins, start-and-size;
                         on request only: floor-clients
  --rounds <n>           rounds of each row under load (5)
  --seconds <n>          seconds of load per round and contender (8)
  --profile <row>        where the CPU time goes instead, of a row under load;
                         row:contender for one whose name begins so
  --help                 prints this

Fewer than 5 rounds or 8 seconds make a trial: its files are not for publishing.

  REDIS_SERVER_PATH      the redis-server to start, if it is not in the PATH`
