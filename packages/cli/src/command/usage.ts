/** What `latchkey --help` prints. */
export const usage = `latchkey <command> [options]

  login <provider>        signs you in, and keeps the tokens for all your programs
  fetch <provider> <url>  calls the provider's API; the body goes to stdout
  token <provider>        says how the token is doing; --print writes it to stdout
  accounts                lists who is signed in
  logout <provider>       forgets the tokens, and revokes them
  doctor                  checks the set-up of an app, and says what to do
  keygen                  makes a value for LATCHKEY_SECRET

latchkey <command> --help says more; latchkey --version. Exit codes: 0 done, 1 failed, 2 used wrongly, 3 nobody is signed in,
4 try again later.
`

const account = `  --profile <name>      one of several accounts at a provider (default)
  --client-id <id>      or the variable <PROVIDER>_CLIENT_ID
  --set <field>=<value> a field of the preset, such as domain=example.eu.auth0.com; may be repeated
  --providers <file>    JSON with options of presets by name, also http://127.0.0.1:…; or the variable LATCHKEY_PROVIDERS
  --folder <path>       where the tokens lie; or the variable LATCHKEY_FOLDER
  --json                for programs
`
const secrets = `A client secret is only taken from the variable <PROVIDER>_CLIENT_SECRET, or from --providers: arguments can be read by
everybody on the machine. Without one the client is a public one, with PKCE. With LATCHKEY_SECRET the tokens are encrypted on disk.
`

/** What `latchkey <command> --help` prints. */
export const commandUsage: ReadonlyMap<string, string> = new Map([
  [
    'login',
    `latchkey login <provider> [options]

  --via <way>           loopback: your browser comes back by itself (default); device: with a code, on any device;
                        console: in any browser, and you paste the address that it ends at
  --scope <a,b>         what to ask for; asks again only where something is missing
  --audience <API>      the API that tokens are for (Auth0)
  --port <n>            of the redirect URI http://127.0.0.1:<n>/callback, or <n>-<m>; any free one by default
  --redirect-uri <uri>  of --via console
  --user <id>           only this user
  --force               signs in anew
  --no-browser          opens none, prints the address only
  --timeout <seconds>   (300)
${account}
${secrets}
  latchkey login spotify --client-id 1234 --scope user-top-read
`,
  ],
  [
    'fetch',
    `latchkey fetch <provider> <url> [options]

  --method <method>     (GET, or POST with --data)
  --header <name:value> may be repeated
  --data <text>         the body; @<file> reads it, @- from stdin
${account}
The token goes to the provider's own API alone. Exit code 1 for an answer of 400 and more; its body is printed all the same.
--json prints status, headers (set-cookie as a list) and body, or bodyBase64 where the body is no UTF-8 text.

  latchkey fetch spotify https://api.spotify.com/v1/me
`,
  ],
  [
    'token',
    `latchkey token <provider> [options]

  --print               writes the access token to stdout, and nothing else
  --min-ttl <seconds>   refreshes it where less is left
${account}
  curl -H "Authorization: Bearer $(latchkey token spotify --print)" https://api.spotify.com/v1/me
`,
  ],
  [
    'accounts',
    `latchkey accounts [--json] [--folder <path>]
`,
  ],
  [
    'logout',
    `latchkey logout <provider> [options]

${account}`,
  ],
  [
    'doctor',
    `latchkey doctor [<provider> …] [options]

  --base-url <url>      of the app; or the variable LATCHKEY_BASE_URL
  --app <url>           asks a running app which redirect URIs it uses
  --redis <url>         or the variable REDIS_URL; needs the package ioredis
${account}
Checks Node, base URL and redirect URIs, LATCHKEY_SECRET, the providers (client, discovery, PKCE, clock) and Redis (eviction,
persistence, latency). Exit code 1 when something must be done.

  latchkey doctor spotify google --base-url https://app.example
`,
  ],
  [
    'keygen',
    `latchkey keygen

Prints 32 random bytes as text, for LATCHKEY_SECRET: latchkey keygen > secret.txt
`,
  ],
])
