// Jindou as an application imports it.
export { Client } from "jindou";
