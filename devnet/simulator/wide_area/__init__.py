"""The same nodes on links as long as the world's: finality, throughput, and what they cost."""

from devnet.simulator.wide_area.measure import Measured, json_of, measure_wide_area, text_of

__all__ = ["Measured", "json_of", "measure_wide_area", "text_of"]
