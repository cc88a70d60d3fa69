/** What `@latchkey/cli` is made of. Programs use that, not this. */
export { equalInConstantTime } from './crypto/constant-time.ts'
export { digest } from './crypto/digest.ts'
export { randomId } from './crypto/random.ts'
export { pageReply } from './flows/page.ts'
export { printable, steadyLogger } from './log.ts'
export { secrets as checkedSecrets } from './options/secrets.ts'
export { OwnAccount, type OwnAccountParts, type OwnStore } from './terminal/own-account.ts'
