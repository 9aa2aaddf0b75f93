/** Of a topic that is made for a stream of an event bus, where nothing is said. */
export const BUS_PARTITIONS = 6;
