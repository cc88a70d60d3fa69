/** A failure with a message for the person at the terminal: printed as it is, without a stack. */
export class PlainFailure extends Error {}
